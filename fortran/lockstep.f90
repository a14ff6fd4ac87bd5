! Trained networks of lockstep in Fortran.
!
!   use lockstep
!   type(network) :: net
!   real(8) :: x(13, 100), y(1, 100)
!   type(failure) :: error
!
!   call net%read("runs/first/model.h5", error)
!   if (error%failed) print '(a)', trim(error%message)
!   call net%predict(x, y)                       ! columns of x and y are rows of the network
!
! A network holds a model and the buffers of one thread. `net%share(other)` makes a network for another thread that
! uses the same model. The model must be freed last. Arrays are real32 or real64; x and y may differ. Without the
! argument `error`, a failure ends the program with its message.
module lockstep
  use, intrinsic :: iso_c_binding
  use, intrinsic :: iso_fortran_env, only: real32, real64, error_unit
  implicit none
  private
  public :: network, failure

  type :: failure
    logical :: failed = .false.
    character(len=1024) :: message = ""
  end type

  integer(c_int), parameter :: ls_float32 = 1, ls_float64 = 2

  type, bind(c) :: ls_error
    integer(c_int) :: status = 0
    character(kind=c_char) :: message(1024) = c_null_char
  end type

  type, bind(c) :: ls_matrix ! ls_input and ls_output
    type(c_ptr) :: values = c_null_ptr
    integer(c_int) :: type = 0
    integer(c_int64_t) :: row_stride = 0, column_stride = 0
  end type

  type, bind(c) :: ls_predictions
    type(ls_matrix) :: mean, aleatoric, epistemic
    type(c_ptr) :: classes = c_null_ptr
  end type

  type :: network
    integer :: inputs = 0, outputs = 0, heads = 0
    logical :: has_aleatoric = .false., has_epistemic = .false.
    type(c_ptr), private :: model = c_null_ptr, predictor = c_null_ptr
    logical, private :: owns_model = .false.
  contains
    procedure :: read => network_read
    procedure :: share => network_share
    procedure :: free => network_free
    procedure :: input_name => network_input_name
    procedure :: checksum => network_checksum
    procedure, private :: predict_32, predict_64, predict_row_32, predict_row_64
    generic :: predict => predict_32, predict_64, predict_row_32, predict_row_64
    procedure :: classify => network_classify
    final :: network_final
  end type

  interface
    integer(c_int) function ls_model_read(path, model, error) bind(c)
      import :: c_int, c_char, c_ptr, ls_error
      character(kind=c_char), intent(in) :: path(*)
      type(c_ptr), intent(inout) :: model
      type(ls_error), intent(inout) :: error
    end function
    subroutine ls_model_free(model) bind(c)
      import :: c_ptr
      type(c_ptr), intent(inout) :: model
    end subroutine
    integer(c_int64_t) function ls_model_inputs(model) bind(c)
      import :: c_int64_t, c_ptr
      type(c_ptr), value :: model
    end function
    integer(c_int64_t) function ls_model_outputs(model) bind(c)
      import :: c_int64_t, c_ptr
      type(c_ptr), value :: model
    end function
    integer(c_int64_t) function ls_model_heads(model) bind(c)
      import :: c_int64_t, c_ptr
      type(c_ptr), value :: model
    end function
    type(c_ptr) function ls_model_column_name(model, c) bind(c)
      import :: c_int64_t, c_ptr
      type(c_ptr), value :: model
      integer(c_int64_t), value :: c
    end function
    type(c_ptr) function ls_model_checksum(model) bind(c)
      import :: c_ptr
      type(c_ptr), value :: model
    end function
    integer(c_int) function ls_predictor_create(model, options, predictor, error) bind(c)
      import :: c_int, c_ptr, ls_error
      type(c_ptr), value :: model, options
      type(c_ptr), intent(inout) :: predictor
      type(ls_error), intent(inout) :: error
    end function
    subroutine ls_predictor_free(predictor) bind(c)
      import :: c_ptr
      type(c_ptr), intent(inout) :: predictor
    end subroutine
    integer(c_int) function ls_predictor_has_aleatoric(predictor) bind(c)
      import :: c_int, c_ptr
      type(c_ptr), value :: predictor
    end function
    integer(c_int) function ls_predictor_has_epistemic(predictor) bind(c)
      import :: c_int, c_ptr
      type(c_ptr), value :: predictor
    end function
    integer(c_int) function ls_predict(predictor, rows, x, out, error) bind(c)
      import :: c_int, c_int64_t, c_ptr, ls_matrix, ls_predictions, ls_error
      type(c_ptr), value :: predictor
      integer(c_int64_t), value :: rows
      type(ls_matrix), intent(in) :: x
      type(ls_predictions), intent(in) :: out
      type(ls_error), intent(inout) :: error
    end function
    integer(c_size_t) function strlen(text) bind(c)
      import :: c_size_t, c_ptr
      type(c_ptr), value :: text
    end function
  end interface

contains

  ! ---- texts and errors ----

  function text_of(pointer) result(text)
    type(c_ptr), intent(in) :: pointer
    character(len=:), allocatable :: text
    character(kind=c_char), pointer :: letters(:)
    integer :: i
    if (.not. c_associated(pointer)) then
      text = ""
      return
    end if
    call c_f_pointer(pointer, letters, [strlen(pointer)])
    allocate (character(len=size(letters)) :: text)
    do i = 1, size(letters)
      text(i:i) = letters(i)
    end do
  end function

  subroutine report(words, error)
    character(len=*), intent(in) :: words
    type(failure), intent(out), optional :: error
    if (present(error)) then
      error = failure(.true., words)
    else
      write (error_unit, '(2a)') "lockstep: ", words
      error stop 1
    end if
  end subroutine

  subroutine report_error(found, error)
    type(ls_error), intent(in) :: found
    type(failure), intent(out), optional :: error
    character(len=size(found%message)) :: words
    integer :: i
    words = ""
    do i = 1, size(found%message)
      if (found%message(i) == c_null_char) exit
      words(i:i) = found%message(i)
    end do
    call report(trim(words), error)
  end subroutine

  ! ---- networks ----

  ! Reads a model file or a checkpoint. What the network held before is freed.
  subroutine network_read(self, path, error)
    class(network), intent(inout) :: self
    character(len=*), intent(in) :: path
    type(failure), intent(out), optional :: error
    type(ls_error) :: found
    call self%free()
    if (ls_model_read(trim(path)//c_null_char, self%model, found) /= 0) then
      call report_error(found, error)
      return
    end if
    self%owns_model = .true.
    call make_predictor(self, error)
  end subroutine

  ! Makes `other` a network for another thread, with the same model and buffers of its own.
  subroutine network_share(self, other, error)
    class(network), intent(in) :: self
    type(network), intent(inout) :: other
    type(failure), intent(out), optional :: error
    call other%free()
    other%model = self%model
    call make_predictor(other, error)
  end subroutine

  subroutine make_predictor(self, error)
    class(network), intent(inout) :: self
    type(failure), intent(out), optional :: error
    type(ls_error) :: found
    if (ls_predictor_create(self%model, c_null_ptr, self%predictor, found) /= 0) then
      call self%free()
      call report_error(found, error)
      return
    end if
    self%inputs = int(ls_model_inputs(self%model))
    self%outputs = int(ls_model_outputs(self%model))
    self%heads = int(ls_model_heads(self%model))
    self%has_aleatoric = ls_predictor_has_aleatoric(self%predictor) /= 0
    self%has_epistemic = ls_predictor_has_epistemic(self%predictor) /= 0
  end subroutine

  subroutine network_free(self)
    class(network), intent(inout) :: self
    call ls_predictor_free(self%predictor)
    if (self%owns_model) call ls_model_free(self%model)
    self%model = c_null_ptr
    self%owns_model = .false.
  end subroutine

  subroutine network_final(self)
    type(network), intent(inout) :: self
    call self%free()
  end subroutine

  ! The name of input i, from 1; "" if the training file named none.
  function network_input_name(self, i) result(name)
    class(network), intent(in) :: self
    integer, intent(in) :: i
    character(len=:), allocatable :: name
    name = text_of(ls_model_column_name(self%model, int(i - 1, c_int64_t)))
  end function

  ! 16 hexadecimal digits: the parameters_checksum of files and reports.
  function network_checksum(self) result(checksum)
    class(network), intent(in) :: self
    character(len=:), allocatable :: checksum
    checksum = text_of(ls_model_checksum(self%model))
  end function

  ! ---- predictions: x(inputs, rows), y(outputs, rows) ----

  subroutine check_shapes(self, x_shape, y_shape, is_right, error)
    class(network), intent(in) :: self
    integer, intent(in) :: x_shape(2), y_shape(2)
    logical, intent(out) :: is_right
    type(failure), intent(out), optional :: error
    character(len=200) :: words
    is_right = c_associated(self%predictor)
    if (.not. is_right) then
      call report("no network has been read", error)
      return
    end if
    is_right = x_shape(1) == self%inputs .and. y_shape(1) == self%outputs .and. x_shape(2) == y_shape(2)
    if (is_right) return
    write (words, '(4(a,i0),2(a,i0),a)') "x(", x_shape(1), ",", x_shape(2), ") and y(", y_shape(1), ",", y_shape(2), &
      ") do not fit a network with ", self%inputs, " inputs and ", self%outputs, " outputs"
    call report(trim(words), error)
  end subroutine

  subroutine run(self, rows, x, y, error, aleatoric, epistemic, classes)
    class(network), intent(in) :: self
    integer, intent(in) :: rows
    type(ls_matrix), intent(in) :: x
    type(ls_matrix), intent(in), optional :: y, aleatoric, epistemic
    type(c_ptr), intent(in), optional :: classes
    type(failure), intent(out), optional :: error
    type(ls_predictions) :: out
    type(ls_error) :: found
    if (present(y)) out%mean = y
    if (present(aleatoric)) out%aleatoric = aleatoric
    if (present(epistemic)) out%epistemic = epistemic
    if (present(classes)) out%classes = classes
    if (ls_predict(self%predictor, int(rows, c_int64_t), x, out, found) /= 0) call report_error(found, error)
  end subroutine

  subroutine predict_64(self, x, y, error, aleatoric, epistemic)
    class(network), intent(in) :: self
    real(real64), intent(in), contiguous, target :: x(:, :)
    real(real64), intent(out), contiguous, target :: y(:, :)
    type(failure), intent(out), optional :: error
    real(real64), intent(out), contiguous, target, optional :: aleatoric(:, :), epistemic(:, :)
    type(ls_matrix) :: deviations(2)
    logical :: is_right
    call check_shapes(self, shape(x), shape(y), is_right, error)
    if (.not. is_right) return
    if (present(aleatoric)) deviations(1) = ls_matrix(c_loc(aleatoric), ls_float64)
    if (present(epistemic)) deviations(2) = ls_matrix(c_loc(epistemic), ls_float64)
    call run(self, size(x, 2), ls_matrix(c_loc(x), ls_float64), ls_matrix(c_loc(y), ls_float64), error, &
             deviations(1), deviations(2))
  end subroutine

  subroutine predict_32(self, x, y, error, aleatoric, epistemic)
    class(network), intent(in) :: self
    real(real32), intent(in), contiguous, target :: x(:, :)
    real(real32), intent(out), contiguous, target :: y(:, :)
    type(failure), intent(out), optional :: error
    real(real32), intent(out), contiguous, target, optional :: aleatoric(:, :), epistemic(:, :)
    type(ls_matrix) :: deviations(2)
    logical :: is_right
    call check_shapes(self, shape(x), shape(y), is_right, error)
    if (.not. is_right) return
    if (present(aleatoric)) deviations(1) = ls_matrix(c_loc(aleatoric), ls_float32)
    if (present(epistemic)) deviations(2) = ls_matrix(c_loc(epistemic), ls_float32)
    call run(self, size(x, 2), ls_matrix(c_loc(x), ls_float32), ls_matrix(c_loc(y), ls_float32), error, &
             deviations(1), deviations(2))
  end subroutine

  ! One row: x(inputs), y(outputs).
  subroutine predict_row_64(self, x, y, error)
    class(network), intent(in) :: self
    real(real64), intent(in), contiguous, target :: x(:)
    real(real64), intent(out), contiguous, target :: y(:)
    type(failure), intent(out), optional :: error
    logical :: is_right
    call check_shapes(self, [size(x), 1], [size(y), 1], is_right, error)
    if (is_right) call run(self, 1, ls_matrix(c_loc(x), ls_float64), ls_matrix(c_loc(y), ls_float64), error)
  end subroutine

  subroutine predict_row_32(self, x, y, error)
    class(network), intent(in) :: self
    real(real32), intent(in), contiguous, target :: x(:)
    real(real32), intent(out), contiguous, target :: y(:)
    type(failure), intent(out), optional :: error
    logical :: is_right
    call check_shapes(self, [size(x), 1], [size(y), 1], is_right, error)
    if (is_right) call run(self, 1, ls_matrix(c_loc(x), ls_float32), ls_matrix(c_loc(y), ls_float32), error)
  end subroutine

  ! The class of each row, counted from 0 as in files: classes(heads, rows), -1 for a head that predicts values.
  subroutine network_classify(self, x, classes, error)
    class(network), intent(in) :: self
    real(real64), intent(in), contiguous, target :: x(:, :)
    integer(c_int32_t), intent(out), contiguous, target :: classes(:, :)
    type(failure), intent(out), optional :: error
    logical :: is_right
    call check_shapes(self, shape(x), [self%outputs, size(classes, 2)], is_right, error)
    if (is_right .and. size(classes, 1) /= self%heads) then
      call report("classes has another first dimension than the network has heads", error)
      return
    end if
    if (is_right) call run(self, size(x, 2), ls_matrix(c_loc(x), ls_float64), error=error, classes=c_loc(classes))
  end subroutine
end module
